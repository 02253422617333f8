"""SQL for anyone.

- `reports`: named reports and ad-hoc queries
- `suggestions`: which table or column a wrong name may mean
- `datasette`: metadata for Datasette
"""
