-- Accuracy and median latency with the given condition (oracle), the one the estimator picks, a random and a wrong one
SELECT k.dataset, k.model, k.method, k.target, p.condition, k.seed, o.value AS oracle_top1, p.value AS predicted_top1,
       p.ci_lo, p.ci_hi, e.value AS estimator_accuracy, l.value AS oracle_ms, m.value AS predicted_ms, p.evidence, p.n,
       r.value AS random_top1, w.value AS wrong_top1, g.value AS estimator_good, k.experiment, k.run
FROM current_passed k
JOIN metric p ON p.run_id = k.run_id AND p.name = 'predicted_top1'
LEFT JOIN metric o ON o.run_id = k.run_id AND o.name = 'top1' AND o.condition = p.condition
LEFT JOIN metric r ON r.run_id = k.run_id AND r.name = 'random_condition_top1' AND r.condition = p.condition
LEFT JOIN metric w ON w.run_id = k.run_id AND w.name = 'wrong_condition_top1' AND w.condition = p.condition
LEFT JOIN metric e ON e.run_id = k.run_id AND e.name = 'estimator_accuracy' AND e.condition = p.condition
LEFT JOIN metric g ON g.run_id = k.run_id AND g.name = 'estimator_good' AND g.condition = p.condition
LEFT JOIN metric l ON l.run_id = k.run_id AND l.name = 'latency_median' AND l.condition = p.condition
LEFT JOIN metric m ON m.run_id = k.run_id AND m.name = 'predicted_latency_median' AND m.condition = p.condition
ORDER BY k.experiment, k.position, p.condition <> 'clean', p.condition
