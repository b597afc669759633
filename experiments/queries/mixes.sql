-- Accuracy, MACs and median latency of every run with the conditions weighted as the manifest's mixes say
SELECT k.dataset, k.model, k.method, k.target, k.seed, m.condition AS mix, m.value AS mix_top1, m.ci_lo, m.ci_hi,
       c.value AS mix_macs, l.value AS mix_latency_median_ms, m.evidence, m.n, k.experiment, k.run
FROM current_passed k
JOIN metric m ON m.run_id = k.run_id AND m.name = 'mix_top1'
LEFT JOIN metric c ON c.run_id = k.run_id AND c.name = 'mix_macs' AND c.condition = m.condition
LEFT JOIN metric l ON l.run_id = k.run_id AND l.name = 'mix_latency_median' AND l.condition = m.condition
ORDER BY k.experiment, k.position, m.condition
