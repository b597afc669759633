-- Every metric of every current run, long form
SELECT k.dataset, k.model, k.method, k.target, k.seed, m.name AS metric, m.condition, m.value, d.unit, m.ci_lo, m.ci_hi,
       m.evidence, m.n, k.experiment, k.run
FROM current_passed k
JOIN metric m ON m.run_id = k.run_id
JOIN metric_def d ON d.name = m.name
ORDER BY k.experiment, k.position, m.name, m.condition
