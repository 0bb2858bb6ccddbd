"""How plans, pushes and jobs look: one snapshot, drawn as widgets, terminal bar, text and static HTML."""
