"""PostgreSQL roles that may read a store's views and nothing else.

Views run with their owner's privileges, so that readers need none on tables. Default privileges of PUBLIC
that allow writing are revoked: temporary tables, and tables in the schema (before PostgreSQL 15).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from ..errors import SelectionError

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

#: Maximum length of a name in bytes. The server truncates longer names.
MAX_NAME = 63

#: Creates a role that may log in, once it has a password or another way to authenticate. The role can change
#: these settings for itself. They prevent accidents; the grants are what restricts the role.
_CREATION: tuple[LiteralString, ...] = (
    "CREATE ROLE {role} LOGIN",
    "ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = on",
    "ALTER ROLE {role} IN DATABASE {database} SET statement_timeout = '60s'",
    "ALTER ROLE {role} IN DATABASE {database} SET idle_in_transaction_session_timeout = '60s'",
    "ALTER ROLE {role} IN DATABASE {database} SET search_path = {schema}",
)
_GRANTS: tuple[LiteralString, ...] = (
    "GRANT CONNECT ON DATABASE {database} TO {role}",
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT ON {readable} TO {role}",
)

#: Whether PUBLIC has TEMPORARY on the database, and CREATE on the schema.
_PUBLIC_PRIVILEGES = """
SELECT EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
               WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY'),
  EXISTS (SELECT FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
          WHERE n.nspname = current_schema() AND a.grantee = 0 AND a.privilege_type = 'CREATE')"""

#: Roles that write to the store, for which they need temporary tables; and the owner, which creates tables.
_WRITERS = """
SELECT rolname FROM pg_roles
WHERE NOT rolsuper AND rolname <> %s AND rolname !~ '^pg_' AND has_table_privilege(oid, 'articles', 'INSERT')
ORDER BY rolname"""
_OWNERS = """
SELECT rolname FROM pg_roles
WHERE NOT rolsuper AND oid = (SELECT relowner FROM pg_class WHERE oid = 'articles'::regclass)"""

#: What a role may do other than reading the given relations of the schema.
_EXCESS = """
SELECT what FROM (
  SELECT what FROM pg_roles, LATERAL (VALUES
    ('do anything, as a superuser', rolsuper),
    ('create roles', rolcreaterole),
    ('copy the whole server', rolreplication),
    ('read the server''s files', has_function_privilege(oid, 'pg_read_file(text)', 'EXECUTE')),
    ('create schemas', has_database_privilege(oid, current_database(), 'CREATE')),
    ('create temporary tables', has_database_privilege(oid, current_database(), 'TEMPORARY')),
    ('create tables', has_schema_privilege(oid, current_schema(), 'CREATE'))
  ) power (what, has)
  WHERE rolname = %(role)s AND has
  UNION ALL (
    SELECT 'read or write ' || relname FROM pg_class c
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e') -- an extension's
      AND (has_table_privilege(%(role)s, oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(%(role)s, oid, 'INSERT, UPDATE')
        OR (relname <> ALL (%(readable)s) AND has_any_column_privilege(%(role)s, oid, 'SELECT')))
    ORDER BY relname)
) excess"""

#: Grants on the views of the schema; a role of null is PUBLIC.
_VIEW_GRANTS = """
SELECT c.relname, r.rolname, a.privilege_type, a.is_grantable
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relkind = 'v' AND c.relnamespace = current_schema()::regnamespace AND a.grantee <> c.relowner"""

_VIEWS = "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = current_schema()::regnamespace"

#: Roles that lack one of the views but have the grant on `curation_version`, which only readers get.
_LACKING = """
SELECT DISTINCT r.rolname
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
JOIN pg_class v ON v.relnamespace = c.relnamespace AND v.relkind = 'v' AND v.relname = ANY (%s)
WHERE c.oid = to_regclass('curation_version') AND a.grantee <> c.relowner AND a.privilege_type = 'SELECT'
  AND NOT has_table_privilege(r.oid, v.oid, 'SELECT')
ORDER BY r.rolname"""


def make_reader_statements(connection: Connection, role: str, readable: Sequence[str]) -> list[str]:
    """Return statements that make `role` a reader of these relations and nothing else.

    An existing role keeps its own settings. Raises SelectionError for an invalid name.
    """
    _check_name(role)
    database, schema, exists = _one(
        connection,
        "SELECT current_database(), current_schema(), EXISTS (SELECT FROM pg_roles WHERE rolname = %s)",
        (role,),
    )
    writers = [name for (name,) in connection.execute(_WRITERS, (role,))]
    owners = [name for (name,) in connection.execute(_OWNERS)]
    names = {
        "role": sql.Identifier(role),
        "database": sql.Identifier(database),
        "schema": sql.Identifier(schema),
        "readable": _listed([(schema, name) for name in readable]),
        "writers": _listed([(name,) for name in writers]),
        "owners": _listed([(name,) for name in owners]),
    }
    templates = [
        *([] if exists else _CREATION),
        *_revocations(connection, bool(writers), bool(owners)),
        *_GRANTS,
    ]
    return [sql.SQL(template).format(**names).as_string() for template in templates]


def find_excess_privileges(connection: Connection, role: str, readable: Sequence[str]) -> list[str]:
    """Return what a role may do other than reading these relations, as short phrases."""
    found = connection.execute(_EXCESS, {"role": role, "readable": list(readable)})
    return [phrase for (phrase,) in found]


def find_readers_lacking_views(connection: Connection, views: Sequence[str]) -> list[str]:
    """Return the roles that are readers but may not read one of the views."""
    return [role for (role,) in connection.execute(_LACKING, (list(views),))]


@contextmanager
def preserving_grants(connection: Connection) -> Iterator[None]:
    """Restore the grants on views that are recreated in the context; do not commit."""
    before = connection.execute(_VIEW_GRANTS).fetchall()
    yield
    views = {name for (name,) in connection.execute(_VIEWS)}
    after = set(connection.execute(_VIEW_GRANTS))
    for view, role, privilege, is_grantable in before:
        if view in views and (view, role, privilege, is_grantable) not in after:
            grant: LiteralString = "GRANT {} ON {} TO {}" + (" WITH GRANT OPTION" if is_grantable else "")
            grantee = sql.Identifier(role) if role is not None else sql.SQL("PUBLIC")
            connection.execute(sql.SQL(grant).format(sql.SQL(privilege), sql.Identifier(view), grantee))


def _revocations(connection: Connection, any_writers: bool, any_owners: bool) -> Iterator[LiteralString]:
    """Yield statements that revoke writing from PUBLIC, after granting it to the roles that need it."""
    temporary, create = _one(connection, _PUBLIC_PRIVILEGES)
    if temporary and any_writers:
        yield "GRANT TEMPORARY ON DATABASE {database} TO {writers}"
    if temporary:
        yield "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"
    if create and any_owners:
        yield "GRANT CREATE ON SCHEMA {schema} TO {owners}"
    if create:
        yield "REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"


def _check_name(role: str) -> None:
    if not role.isprintable() or not 0 < len(role.encode()) <= MAX_NAME:
        raise SelectionError(f"invalid role name {role!r}: give 1 to {MAX_NAME} bytes of printable text")
    if role in ("public", "none") or role.startswith("pg_"):
        raise SelectionError(f"{role!r} is reserved by PostgreSQL: give another role name")


def _listed(names: Sequence[tuple[str, ...]]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(*name) for name in names)


def _one(connection: Connection, query: LiteralString, values: Sequence[object] = ()) -> tuple[Any, ...]:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row
