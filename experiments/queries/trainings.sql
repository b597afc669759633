-- What each training was given: views of a training picture, its teacher and that one's views; and what it took
-- network_views: what one network saw of `views`: of separate its condition's share, of piggyback the backbone's.
WITH given AS (
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.parameters,
         coalesce(json_extract(k.parameters, '$.base'), json_extract(k.parameters, '$.method')) AS kind,
         json_extract(k.parameters, '$.train.epochs') AS views,
         nullif(json_extract(k.parameters, '$.distillation.teacher'), 'none') AS teacher,
         json_extract(k.parameters, '$.init') AS init,
         json_extract(k.parameters, '$.train.learning_rate') AS learning_rate, count(DISTINCT k.seed) AS seeds,
         min(t.value) / 60 AS least_minutes, max(t.value) / 60 AS most_minutes, min(k.position) AS position,
         max((SELECT count(DISTINCT m.condition) FROM metric m
              WHERE m.run_id = k.run_id AND m.name IN ('top1', 'predicted_top1'))) AS conditions
  FROM current_passed k
  LEFT JOIN metric t ON t.run_id = k.run_id AND t.name = 'train_seconds'
  WHERE json_extract(k.parameters, '$.train.epochs') > 0
  GROUP BY k.experiment, k.dataset, k.model, k.method, k.target, k.parameters)
SELECT dataset, model, method, target, init, learning_rate, views,
       CASE kind WHEN 'separate' THEN views / conditions WHEN 'piggyback'
         THEN views * coalesce(json_extract(parameters, '$.backbone_share'), 0.5) ELSE views END AS network_views,
       teacher,
       iif(teacher IS NULL, NULL, coalesce(json_extract(parameters, '$.distillation.train.epochs'), views))
         AS teacher_views,
       iif(teacher IS NULL, NULL, json_extract(parameters, '$.distillation.weight')) AS teacher_weight, seeds,
       least_minutes, most_minutes, experiment
FROM given
ORDER BY experiment, dataset, model, target, position
