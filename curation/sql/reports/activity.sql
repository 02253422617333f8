-- title: Editors' activity
-- purpose: Who decided how much, day by day (UTC), the latest first.
-- chart: bars day changes by actor kind
-- parameter: kind edit|import|revert|score edit edit, import, revert or score; % stands for any
-- parameter: limit integer 60 how many rows at most
SELECT day, actor, kind, changesets, changes, articles, last_at
FROM editor_activity
WHERE kind LIKE :kind
ORDER BY day DESC, changes DESC, actor, kind
LIMIT :limit
