-- The metrics there are: unit, which direction is better, meaning
SELECT name, unit, direction, description FROM metric_def ORDER BY name
