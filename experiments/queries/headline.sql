-- One row per method and budget: accuracy with the predicted condition, its 95 % interval over seeds, MACs and bytes
-- budget: of MACs, a share of the dense network's; byte_budget and latency_budget_ms where the manifest sets them.
-- interval: 'seeds' is Student's t over the seeds, 'pictures' what one seed's pictures leave open.
WITH grouped AS (
  SELECT experiment, dataset, model, method, budget, target, count(mean_top1) AS seeds, avg(mean_top1) AS mean,
         avg(mean_top1 * mean_top1) - avg(mean_top1) * avg(mean_top1) AS variance, min(ci_lo) AS one_lo,
         max(ci_hi) AS one_hi, avg(clean_top1) AS clean_top1, avg(macs) AS macs, CAST(avg(bytes) AS INTEGER) AS bytes,
         avg(oracle_mean_top1) AS oracle_mean_top1, avg(mean_top1_unseen_severity) AS mean_top1_unseen_severity,
         avg(mean_top1_unseen_corruption) AS mean_top1_unseen_corruption, min(evidence) AS evidence,
         nullif(json_extract(parameters, '$.byte_budget'), 0) AS byte_budget,
         json_extract(parameters, '$.latency_budget.ms') AS latency_budget_ms, min(position) AS position
  FROM headline_by_seed
  GROUP BY experiment, dataset, model, method, budget, target, parameters
  HAVING count(mean_top1) > 0),
bounded AS (
  SELECT *, student_t_975(seeds - 1) * sqrt(max(variance, 0) / (seeds - 1)) AS half FROM grouped)
SELECT dataset, model, method, budget, mean AS mean_top1, iif(seeds > 1, max(mean - half, 0), one_lo) AS ci_lo,
       iif(seeds > 1, min(mean + half, 100), one_hi) AS ci_hi, clean_top1, macs, bytes, seeds, oracle_mean_top1,
       mean_top1_unseen_severity, mean_top1_unseen_corruption, iif(seeds > 1, 'seeds', 'pictures') AS interval,
       evidence, byte_budget, latency_budget_ms, target, experiment
FROM bounded
ORDER BY experiment, dataset, model, target, position
