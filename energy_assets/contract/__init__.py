"""The data contract: which published records become clean rows, and what happens to the rest.

Belongs here: the rules for a record, whether an hour is complete, and the quarantine. The rules
know a data set only by its profile.

Does not belong here: where records come from (`sources`) and where rows are kept (`stores`).
"""
