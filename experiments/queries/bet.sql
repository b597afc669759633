-- Masks that differ between conditions against one mask for all by the same recipe: difference, MACs, bytes
-- Recipes agree in all options but how masks differ and the budget of bytes; macs and bytes in % of the one mask's.
-- consensus: what was chosen where the manifest says auto; 1 is one mask, and such rows are left out. verdict: won: the
-- mean is at least 0.3 points above and the interval (paired seeds, Student's t) above 0, with at most 1 % more MACs and
-- bytes; larger: the same with more of them. One seed decides nothing.
WITH chosen AS (
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.parameters, k.seed,
         max(coalesce(json_extract(r.training, '$.log.consensus.chosen'), json_extract(k.parameters, '$.consensus'))) AS consensus
  FROM current_passed k JOIN run r ON r.id = k.run_id
  WHERE json_extract(k.parameters, '$.method') IN ('automask', 'kill_test')
  GROUP BY 1, 2, 3, 4, 5, 6, 7),
network AS (
  SELECT h.*, iif(json_extract(h.parameters, '$.method') = 'kill_test', 1, c.consensus) AS consensus,
         json_remove(h.parameters, '$.method', '$.consensus', '$.union_penalty', '$.mask_groups', '$.byte_budget') AS recipe
  FROM headline_by_seed h
  JOIN chosen c ON c.experiment = h.experiment AND c.dataset = h.dataset AND c.model = h.model AND c.method = h.method
    AND c.target = h.target AND c.parameters = h.parameters AND c.seed = h.seed
  WHERE h.mean_top1 IS NOT NULL),
pair AS (
  SELECT m.experiment, m.dataset, m.model, m.method, m.consensus, m.budget, o.method AS one_mask, m.target, m.position,
         m.mean_top1 - o.mean_top1 AS difference, 100.0 * m.macs / o.macs AS macs, 100.0 * m.bytes / o.bytes AS bytes
  FROM network m
  JOIN network o ON o.experiment = m.experiment AND o.dataset = m.dataset AND o.model = m.model AND o.target = m.target
    AND o.seed = m.seed AND o.recipe = m.recipe AND o.consensus = 1
  WHERE m.consensus < 1),
summed AS (
  SELECT experiment, dataset, model, method, consensus, budget, one_mask, target, count(*) AS seeds,
         avg(difference) AS mean, avg(macs) AS macs, avg(bytes) AS bytes, min(position) AS position,
         student_t_975(count(*) - 1) * sqrt(
           max(avg(difference * difference) - avg(difference) * avg(difference), 0) / (count(*) - 1)) AS half
  FROM pair
  GROUP BY experiment, dataset, model, method, consensus, budget, one_mask, target)
SELECT dataset, model, method, consensus, budget, one_mask, mean AS difference, mean - half AS ci_lo,
       mean + half AS ci_hi, macs, bytes, seeds,
       CASE WHEN seeds = 1 THEN 'one seed'
            WHEN mean - half > 0 AND mean >= 0.3 THEN iif(max(macs, bytes) <= 101, 'won', 'better, but larger')
            WHEN mean - half > 0 THEN 'better by less than 0.3' WHEN mean + half < 0 THEN 'one mask is better'
            ELSE 'unresolved' END AS verdict,
       target, experiment
FROM summed
ORDER BY experiment, dataset, model, target, position
