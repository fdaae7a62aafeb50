"""Where the weather comes from: the simulator, a file, Open-Meteo, or nowhere.

Belongs here: one file for each source. A source says what was known of the weather at an hour, so
asking for the same hour later gives the same answer.

Does not belong here: rejecting bad values (`contract.weather_rules`), and how the simulated weather
comes about (`sources.weather_model`).
"""

from energy_assets.sources.weather.opening import open_weather_source
from energy_assets.sources.weather.source import COLUMNS, WeatherSource

__all__ = ["COLUMNS", "WeatherSource", "open_weather_source"]
