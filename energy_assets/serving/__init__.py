"""The HTTP service over the published forecasts: an API under `/v1`, the course's API, and a page.

It only reads. Belongs here: what a request may ask (`routes`), what is held in memory to answer it
(`data`), the forms of an answer, and the page (`page`).

Does not belong here: how forecasts are made, published and scored (`forecasts`).
"""
