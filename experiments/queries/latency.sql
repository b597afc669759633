-- Median, 90th and 99th percentile of the time of one inference, in milliseconds
SELECT dataset, model, method, target, condition, seed, median_ms, ci_lo, ci_hi, p90_ms, p99_ms, mean_ms, evidence, n,
       experiment, run
FROM latency
ORDER BY experiment, position, condition <> 'clean', condition
