-- Every attempt ever recorded, also those that a later one replaced
SELECT DISTINCT r.key AS run, r.id AS attempt, r.newest, r.state, r.reason, r.started, r.finished
FROM run r
ORDER BY r.key, r.id
