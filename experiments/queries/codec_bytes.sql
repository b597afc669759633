-- Mean bytes of one picture after each condition's codec
SELECT DISTINCT k.experiment, k.dataset, m.condition, m.value AS encoded_bytes_mean, m.evidence, m.n
FROM current_passed k
JOIN metric m ON m.run_id = k.run_id AND m.name = 'encoded_bytes_mean'
ORDER BY k.experiment, k.dataset, m.value DESC
