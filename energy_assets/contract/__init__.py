"""The data contract: from published records to clean rows, and what becomes of the rest.

Belongs here: the rules for a record, which hours are complete, and the quarantine. Does not belong
here: where records come from (`sources`) and where rows are stored (`stores`).
"""
