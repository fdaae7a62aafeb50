"""When which assets are made: jobs, schedules, sensors and maintenance.

Does not belong here: what an asset does, and how a store does its part of the maintenance.
"""
