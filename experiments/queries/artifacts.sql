-- Files the current runs left in the store, with their hashes
SELECT k.dataset, k.model, k.method, k.target, k.seed, a.kind, a.path, a.bytes, a.sha256, k.experiment, k.run
FROM current_passed k
JOIN artifact a ON a.run_id = k.run_id
ORDER BY k.experiment, k.position, a.kind, a.path
