-- What the project claims of method automask at 50 % of the MACs: the limit, what was measured, and whether it holds
-- verdict: holds, or fails: the whole interval (Student's t over seeds; of pairs where two methods are compared) is on
-- that side of the limit; by the mean: only the mean is. One seed decides nothing: "one seed, ...".
-- Accuracies are the headline's: with the predicted condition, in points of the mean over trained conditions.
WITH claim(claim, other, least, most) AS (VALUES
  ('accuracy over dense_bn_k', 'dense_bn_k', -1.0, NULL),
  ('accuracy over augment', 'augment', 2.0, NULL),
  ('accuracy over prune', 'prune', 1.5, NULL),
  ('accuracy over kill_test', 'kill_test', 0.0, NULL),
  ('accuracy over slim_bn_k', 'slim_bn_k', 0.0, NULL),
  ('clean accuracy over augment', 'augment', 0.0, NULL),
  ('bytes in % of dense_bn_k', 'dense_bn_k', NULL, 55.0),
  ('bytes in % of separate', 'separate', NULL, 25.0),
  ('estimator right on trained conditions, %', NULL, 99.0, NULL),
  ('estimator as good as right on unseen severities, %', NULL, 95.0, NULL),
  ('accuracy lost by the estimator', NULL, NULL, 0.2),
  ('accuracy lost by INT8', NULL, NULL, 0.5)),
subject AS (
  SELECT h.*, k.run_id,
         EXISTS (SELECT 1 FROM metric q WHERE q.run_id = k.run_id AND q.name = 'quantised_agreement') AS integer
  FROM headline_by_seed h
  JOIN current_passed k ON k.experiment = h.experiment AND k.dataset = h.dataset AND k.model = h.model
    AND k.method = h.method AND k.target = h.target AND k.parameters = h.parameters AND k.seed = h.seed
  WHERE h.method = 'automask' AND h.budget = 0.5 AND h.mean_top1 IS NOT NULL),
estimated AS (
  SELECT s.run_id,
         (SELECT avg(m.value) FROM metric m WHERE m.run_id = s.run_id AND m.name = 'estimator_accuracy') AS right_share,
         (SELECT avg(g.value) FROM metric g JOIN metric u ON u.run_id = g.run_id AND u.condition = g.condition
            AND u.name = 'unseen_severity_top1'
          WHERE g.run_id = s.run_id AND g.name = 'estimator_good') AS good_unseen
  FROM subject s),
measured AS (
  SELECT s.experiment, s.dataset, s.model, s.target, s.seed, c.claim, c.least, c.most, s.position,
         CASE
           WHEN c.claim LIKE 'accuracy over%' THEN s.mean_top1 - o.mean_top1
           WHEN c.claim LIKE 'clean accuracy over%' THEN s.clean_top1 - o.clean_top1
           WHEN c.claim LIKE 'bytes in %' THEN 100.0 * s.bytes / o.bytes
           WHEN c.claim LIKE 'estimator right%' THEN e.right_share
           WHEN c.claim LIKE 'estimator as good%' THEN e.good_unseen
           WHEN c.claim LIKE '%by the estimator' THEN s.oracle_mean_top1 - s.mean_top1
           WHEN s.integer THEN (SELECT f.mean_top1 FROM subject f
             WHERE f.experiment = s.experiment AND f.dataset = s.dataset AND f.model = s.model AND f.seed = s.seed
               AND f.parameters = s.parameters AND f.integer = 0) - s.mean_top1
         END AS value
  FROM subject s
  CROSS JOIN claim c
  JOIN estimated e ON e.run_id = s.run_id
  LEFT JOIN headline_by_seed o ON o.experiment = s.experiment AND o.dataset = s.dataset AND o.model = s.model
    AND o.target = s.target AND o.seed = s.seed AND o.method = c.other),
bounded AS (
  SELECT experiment, dataset, model, target, claim, least, most, min(position) AS position, count(value) AS seeds,
         avg(value) AS mean,
         iif(count(value) > 1, student_t_975(count(value) - 1) * sqrt(
           max(avg(value * value) - avg(value) * avg(value), 0) / (count(value) - 1)), NULL) AS half
  FROM measured
  WHERE value IS NOT NULL
  GROUP BY experiment, dataset, model, target, claim),
judged AS (
  SELECT *, coalesce(mean >= least, mean <= most) AS ok,
         coalesce(mean - half >= least, mean + half <= most) AS all_ok,
         coalesce(mean + half >= least, mean - half <= most) AS some_ok
  FROM bounded)
SELECT dataset, model, claim, coalesce('>= ' || least, '<= ' || most) AS [limit], mean AS measured,
       mean - half AS ci_lo, mean + half AS ci_hi, seeds,
       CASE WHEN seeds < 2 THEN iif(ok, 'one seed, holds', 'one seed, fails')
            WHEN all_ok THEN 'holds' WHEN NOT some_ok THEN 'fails'
            WHEN ok THEN 'holds by the mean' ELSE 'fails by the mean' END AS verdict,
       target, experiment
FROM judged j JOIN (SELECT claim AS c, row_number() OVER () AS row FROM claim) r ON r.c = j.claim
ORDER BY experiment, dataset, model, target, row
