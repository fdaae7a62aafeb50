"""Columns that are known ahead, such as the weather and prices, and what series make of them.

Does not belong here: what comes from the series themselves, and from the calendar.
"""
