"""The live view: a caption as it comes to be. `view` hears, `ledger` knows, `layout` arranges, `region` draws."""
