-- title: Editors' activity
-- purpose: Changesets and changes of each actor by day (UTC), latest first.
-- chart: bars day changes by actor kind
-- parameter: kind edit|import|keep|revert|score edit edit, import, keep, revert or score; % matches any
-- parameter: limit integer 60 maximum number of rows
SELECT day, actor, kind, changesets, changes, articles, last_at
FROM editor_activity
WHERE kind LIKE :kind
ORDER BY day DESC, changes DESC, actor, kind
LIMIT :limit
