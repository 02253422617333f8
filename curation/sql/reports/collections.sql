-- title: Collections with missing items
-- purpose: Items of collections whose article does not exist, is not published or is missing.
-- parameter: limit integer 100 maximum number of rows
SELECT c.id AS collection, c.title, i.position, i.item_path AS item,
  CASE
    WHEN t.id IS NULL THEN 'no such article'
    WHEN t.missing_since IS NOT NULL THEN 'article is missing'
    ELSE 'not published'
  END AS why,
  c.path
FROM collection_items i
JOIN articles c ON c.id = i.article_id
LEFT JOIN articles t ON t.id = i.item_id
WHERE c.missing_since IS NULL AND (t.id IS NULL OR t.missing_since IS NOT NULL OR NOT t.published)
ORDER BY c.path, i.position
LIMIT :limit
