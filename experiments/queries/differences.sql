-- Every two methods over the seeds both have: mean difference, 95 % interval (paired, Student's t), unresolved where 0 lies in it
-- difference: first minus second, in points of mean_top1 (the headline's).
WITH pairs AS (
  SELECT a.experiment, a.dataset, a.model, a.target, a.method AS first, a.budget AS first_budget, b.method AS second,
         b.budget AS second_budget, a.mean_top1 - b.mean_top1 AS difference, a.position, b.position AS second_position
  FROM headline_by_seed a
  JOIN headline_by_seed b ON b.experiment = a.experiment AND b.dataset = a.dataset AND b.model = a.model
    AND b.target = a.target AND b.seed = a.seed AND a.mean_top1 IS NOT NULL AND b.mean_top1 IS NOT NULL
    AND (a.method < b.method OR (a.method = b.method AND a.parameters < b.parameters))),
grouped AS (
  SELECT *, count(*) OVER same AS seeds, avg(difference) OVER same AS mean
  FROM pairs
  WINDOW same AS (PARTITION BY experiment, dataset, model, target, first, first_budget, second, second_budget)),
summed AS (
  SELECT experiment, dataset, model, target, first, first_budget, second, second_budget, seeds, mean,
         student_t_975(seeds - 1) * sqrt(sum((difference - mean) * (difference - mean)) / (seeds - 1) / seeds) AS half,
         min(position) AS position, min(second_position) AS second_position
  FROM grouped
  GROUP BY experiment, dataset, model, target, first, first_budget, second, second_budget)
SELECT dataset, model, first, first_budget, second, second_budget, mean AS difference, mean - half AS ci_lo,
       mean + half AS ci_hi,
       CASE WHEN seeds < 2 THEN 'unresolved' WHEN mean - half > 0 THEN 'first is better'
            WHEN mean + half < 0 THEN 'second is better' ELSE 'unresolved' END AS verdict,
       seeds, target, experiment
FROM summed
ORDER BY experiment, dataset, model, target, position, second_position
