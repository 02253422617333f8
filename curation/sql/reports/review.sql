-- title: Review queue
-- purpose: Articles that wait for an editor, and why: may be hidden, story replaced, conflict with upstream, good but not published, not approved yet, never judged.
-- parameter: source source % a source; % matches any text
-- parameter: limit integer 20 maximum number of rows
SELECT id, why, flag, quality, heat, title, provider, path
FROM review_queue
WHERE source LIKE :source
ORDER BY priority, quality DESC NULLS LAST, published_at DESC NULLS LAST, id, flag
LIMIT :limit
