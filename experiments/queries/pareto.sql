-- Accuracy against computation, bytes and latency: one row per method, and whether it is on the front
SELECT dataset, model, method, target, seeds, mean_top1, macs, package_bytes, latency_median_ms, on_macs_front,
       on_bytes_front, on_latency_front, condition_source, experiment
FROM pareto
ORDER BY experiment, dataset, target, mean_top1 DESC
