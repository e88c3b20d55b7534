from pandas import DataFrame, Series

def get_total_irradiance(
    surface_tilt: float,
    surface_azimuth: float,
    solar_zenith: Series,
    solar_azimuth: Series,
    dni: Series,
    ghi: Series,
    dhi: Series,
) -> DataFrame: ...
