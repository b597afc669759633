-- What the project claims of method automask at 50 % of the MACs: the limit, what was measured, and whether it holds
-- verdict: holds or fails: the whole interval (Student's t over seeds; of pairs where two methods are compared) is on
-- that side of the limit; by the mean: only the mean is. equal: no seed has a difference, the two are one network. One
-- seed decides nothing: "one seed, ...". not measured: the other method, or what the claim is about, is not there.
-- augment_taught and prune have AutoMask's teacher, augment and prune_untaught none: what of the distance is the
-- teacher's alone. prune_0.8 is prune at the learning rate that is its own best. stability_taught is the best network
-- with one normalisation, at full MACs. augment_longer sees as many views as AutoMask and its teacher together.
-- Accuracies are the headline's: with the predicted condition, in points of the mean over trained conditions.
WITH claim(row, claim, kind, other, least, most) AS (VALUES
  (1, 'accuracy over dense_bn_k', 'mean', 'dense_bn_k', -1.0, NULL),
  (2, 'accuracy over augment', 'mean', 'augment', 2.0, NULL),
  (3, 'accuracy over augment_taught', 'mean', 'augment_taught', 2.0, NULL),
  (4, 'accuracy over prune_untaught', 'mean', 'prune_untaught', 1.5, NULL),
  (5, 'accuracy over prune', 'mean', 'prune', 1.5, NULL),
  (6, 'accuracy over prune_0.8', 'mean', 'prune_0.8', 1.5, NULL),
  (7, 'accuracy over kill_test', 'mean', 'kill_test', 0.0, NULL),
  (8, 'accuracy over slim_bn_k', 'mean', 'slim_bn_k', 0.0, NULL),
  (9, 'accuracy over stability_taught', 'mean', 'stability_taught', 0.0, NULL),
  (10, 'accuracy over augment_longer', 'mean', 'augment_longer', 0.0, NULL),
  (11, 'clean accuracy over augment', 'clean', 'augment', 0.0, NULL),
  (12, 'bytes in % of dense_bn_k', 'bytes', 'dense_bn_k', NULL, 55.0),
  (13, 'bytes in % of augment', 'bytes', 'augment', NULL, 55.0),
  (14, 'bytes in % of separate', 'bytes', 'separate', NULL, 25.0),
  (15, 'estimator right on trained conditions, %', 'right', NULL, 99.0, NULL),
  (16, 'estimator as good as right on unseen severities, %', 'good', NULL, 95.0, NULL),
  (17, 'accuracy lost by the estimator', 'lost', NULL, NULL, 0.2),
  (18, 'accuracy lost by INT8', 'int8', NULL, NULL, 0.5),
  (19, 'accuracy over augment on unseen severities', 'severities', 'augment', 0.0, NULL),
  (20, 'accuracy over augment on unseen corruptions', 'corruptions', 'augment', 0.0, NULL)),
-- Of each run; a cell has several where it is repeated.
fact AS (
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.parameters, k.seed,
         coalesce(json_extract(f.document, '$.targets."' || k.target || '".format'), 'fp32') AS format,
         (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name = 'estimator_accuracy') AS right_share,
         (SELECT avg(g.value) FROM metric g JOIN metric u ON u.run_id = g.run_id AND u.condition = g.condition
            AND u.name = 'unseen_severity_top1'
          WHERE g.run_id = k.run_id AND g.name = 'estimator_good') AS good_unseen
  FROM current_passed k JOIN run r ON r.id = k.run_id LEFT JOIN manifest f ON f.sha256 = r.manifest_sha256
  WHERE k.method = 'automask'),
subject AS (
  SELECT h.*, min(f.format) AS format, avg(f.right_share) AS right_share, avg(f.good_unseen) AS good_unseen
  FROM headline_by_seed h
  JOIN fact f ON f.experiment = h.experiment AND f.dataset = h.dataset AND f.model = h.model AND f.method = h.method
    AND f.target = h.target AND f.parameters = h.parameters AND f.seed = h.seed
  WHERE h.budget = 0.5 AND h.mean_top1 IS NOT NULL
  GROUP BY h.experiment, h.dataset, h.model, h.target, h.parameters, h.seed),
measured AS (
  SELECT s.experiment, s.dataset, s.model, s.target, s.seed, c.row, c.claim, c.kind, c.least, c.most, s.position,
         CASE c.kind
           WHEN 'mean' THEN s.mean_top1 - o.mean_top1
           WHEN 'clean' THEN s.clean_top1 - o.clean_top1
           WHEN 'bytes' THEN 100.0 * s.bytes / o.bytes
           WHEN 'severities' THEN s.mean_top1_unseen_severity - o.mean_top1_unseen_severity
           WHEN 'corruptions' THEN s.mean_top1_unseen_corruption - o.mean_top1_unseen_corruption
           WHEN 'right' THEN s.right_share
           WHEN 'good' THEN s.good_unseen
           WHEN 'lost' THEN s.oracle_mean_top1 - s.mean_top1
           WHEN 'int8' THEN (SELECT avg(f.mean_top1) FROM subject f
             WHERE f.experiment = s.experiment AND f.dataset = s.dataset AND f.model = s.model AND f.seed = s.seed
               AND f.parameters = s.parameters AND f.format = 'fp32') - s.mean_top1
         END AS value
  FROM subject s
  CROSS JOIN claim c
  LEFT JOIN headline_by_seed o ON o.experiment = s.experiment AND o.dataset = s.dataset AND o.model = s.model
    AND o.target = s.target AND o.seed = s.seed AND o.method = c.other
  WHERE c.kind <> 'int8' OR s.format = 'int8'),
bounded AS (
  SELECT experiment, dataset, model, target, row, claim, least, most, min(position) AS position, count(value) AS seeds,
         avg(value) AS mean, min(value) = 0 AND max(value) = 0 AND kind = 'mean' AS equal,
         iif(count(value) > 1, student_t_975(count(value) - 1) * sqrt(
           max(avg(value * value) - avg(value) * avg(value), 0) / (count(value) - 1)), NULL) AS half
  FROM measured
  GROUP BY experiment, dataset, model, target, row)
SELECT dataset, model, claim, coalesce('>= ' || least, '<= ' || most) AS [limit], mean AS measured,
       mean - half AS ci_lo, mean + half AS ci_hi, seeds,
       CASE WHEN seeds = 0 THEN 'not measured'
            WHEN equal THEN 'equal'
            WHEN seeds = 1 THEN iif(coalesce(mean >= least, mean <= most), 'one seed, holds', 'one seed, fails')
            WHEN coalesce(mean - half >= least, mean + half <= most) THEN 'holds'
            WHEN NOT coalesce(mean + half >= least, mean - half <= most) THEN 'fails'
            WHEN coalesce(mean >= least, mean <= most) THEN 'holds by the mean'
            ELSE 'fails by the mean' END AS verdict,
       target, experiment
FROM bounded
ORDER BY experiment, dataset, model, target, row
