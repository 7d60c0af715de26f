"""What `lvspec doctor` looks at: this machine and its libraries, and what they make of each preset."""
