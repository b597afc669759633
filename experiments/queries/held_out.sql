-- Accuracy on conditions that were never trained on: unseen severities and unseen corruptions, each with its interval
SELECT k.dataset, k.model, k.method, k.target, m.condition, k.seed,
       iif(m.name LIKE '%severity_top1', 'severity', 'corruption') AS unseen,
       coalesce(p.value, iif(k.condition_source = 'none', m.value, NULL)) AS top1, m.value AS oracle_top1,
       iif(p.value IS NULL, m.ci_lo, p.ci_lo) AS ci_lo, iif(p.value IS NULL, m.ci_hi, p.ci_hi) AS ci_hi,
       g.value AS estimator_good, m.evidence, m.n, k.experiment, k.run
FROM current_passed k
JOIN metric m ON m.run_id = k.run_id AND m.name IN ('unseen_severity_top1', 'unseen_corruption_top1')
LEFT JOIN metric p ON p.run_id = k.run_id AND p.name = 'predicted_' || m.name AND p.condition = m.condition
LEFT JOIN metric g ON g.run_id = k.run_id AND g.name = 'estimator_good' AND g.condition = m.condition
ORDER BY k.experiment, k.position, unseen DESC, m.condition
