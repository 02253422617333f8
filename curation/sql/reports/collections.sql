-- title: Collections with missing items
-- purpose: Items of collections that name no article, or one that is not shown or whose file is gone.
-- parameter: limit integer 100 how many rows at most
SELECT c.id AS collection, c.title, i.position, i.item_path AS item,
  CASE
    WHEN t.id IS NULL THEN 'names no article'
    WHEN t.missing_since IS NOT NULL THEN 'its file is gone'
    ELSE 'not published'
  END AS why,
  c.path
FROM collection_items i
JOIN articles c ON c.id = i.article_id
LEFT JOIN articles t ON t.id = i.item_id
WHERE c.missing_since IS NULL AND (t.id IS NULL OR t.missing_since IS NOT NULL OR NOT t.published)
ORDER BY c.path, i.position
LIMIT :limit
