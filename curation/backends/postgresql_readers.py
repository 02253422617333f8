"""Roles of PostgreSQL that read a store's views and nothing else.

Views run with their owner's rights, so that a reader needs none on the tables. What anyone may do by default
is taken away where it would write: temporary tables, and tables in the schema (before PostgreSQL 15).
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

#: Bytes of the longest name; the server cuts off what is more.
MAX_NAME = 63

#: A role that may log in, once it has a password or the server lets it in otherwise. It can lift these bounds
#: for itself: they keep from accidents, and what it may is a matter of grants.
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

#: What anyone may by default: TEMPORARY on the database, CREATE on the schema.
_OF_PUBLIC = """
SELECT EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
               WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY'),
  EXISTS (SELECT FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
          WHERE n.nspname = current_schema() AND a.grantee = 0 AND a.privilege_type = 'CREATE')"""

#: Who writes to the store, and needs temporary tables for it; who owns it, and makes tables.
_WRITERS = """
SELECT rolname FROM pg_roles
WHERE NOT rolsuper AND rolname <> %s AND rolname !~ '^pg_' AND has_table_privilege(oid, 'articles', 'INSERT')
ORDER BY rolname"""
_OWNERS = """
SELECT rolname FROM pg_roles
WHERE NOT rolsuper AND oid = (SELECT relowner FROM pg_class WHERE oid = 'articles'::regclass)"""

#: What a role may do, beyond reading some relations of the schema.
_EXCESS = """
SELECT what FROM (
  SELECT what FROM pg_roles, LATERAL (VALUES
    ('do anything, as a superuser', rolsuper),
    ('make roles', rolcreaterole),
    ('copy the whole server', rolreplication),
    ('read the server''s files', has_function_privilege(oid, 'pg_read_file(text)', 'EXECUTE')),
    ('make schemas', has_database_privilege(oid, current_database(), 'CREATE')),
    ('make temporary tables', has_database_privilege(oid, current_database(), 'TEMPORARY')),
    ('make tables', has_schema_privilege(oid, current_schema(), 'CREATE'))
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

#: Who was granted what on the views of the schema; a name of null is everyone.
_VIEW_GRANTS = """
SELECT c.relname, r.rolname, a.privilege_type, a.is_grantable
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relkind = 'v' AND c.relnamespace = current_schema()::regnamespace AND a.grantee <> c.relowner"""

_VIEWS = "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = current_schema()::regnamespace"

#: Those who were made readers, by what only `reader_statements` grants, and lack one of the views.
_LACKING = """
SELECT DISTINCT r.rolname
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
JOIN pg_class v ON v.relnamespace = c.relnamespace AND v.relkind = 'v' AND v.relname = ANY (%s)
WHERE c.oid = to_regclass('curation_version') AND a.grantee <> c.relowner AND a.privilege_type = 'SELECT'
  AND NOT has_table_privilege(r.oid, v.oid, 'SELECT')
ORDER BY r.rolname"""


def reader_statements(connection: Connection, role: str, readable: Sequence[str]) -> list[str]:
    """What makes `role` one that reads these relations and nothing else; a role that is there keeps its own
    settings. Raises SelectionError for what can be no role's name."""
    _check_name(role)
    database, schema, is_there = _one(
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
    forms = [
        *([] if is_there else _CREATION),
        *_revocations(connection, bool(writers), bool(owners)),
        *_GRANTS,
    ]
    return [sql.SQL(form).format(**names).as_string() for form in forms]


def excess_privileges(connection: Connection, role: str, readable: Sequence[str]) -> list[str]:
    """What a role may do beyond reading these relations, each in a few words."""
    found = connection.execute(_EXCESS, {"role": role, "readable": list(readable)})
    return [what for (what,) in found]


def readers_lacking_views(connection: Connection, views: Sequence[str]) -> list[str]:
    """The roles that were made readers, and may not read one of the views."""
    return [role for (role,) in connection.execute(_LACKING, (list(views),))]


@contextmanager
def preserving_grants(connection: Connection) -> Iterator[None]:
    """Views that are made anew meanwhile are granted again to whom they were; commits nothing."""
    before = connection.execute(_VIEW_GRANTS).fetchall()
    yield
    there = {name for (name,) in connection.execute(_VIEWS)}
    after = set(connection.execute(_VIEW_GRANTS))
    for view, role, privilege, is_grantable in before:
        if view in there and (view, role, privilege, is_grantable) not in after:
            form: LiteralString = "GRANT {} ON {} TO {}" + (" WITH GRANT OPTION" if is_grantable else "")
            whom = sql.Identifier(role) if role is not None else sql.SQL("PUBLIC")
            connection.execute(sql.SQL(form).format(sql.SQL(privilege), sql.Identifier(view), whom))


def _revocations(connection: Connection, any_writers: bool, any_owners: bool) -> Iterator[LiteralString]:
    """What takes from everyone what a reader is not to have, after it was granted to those who need it."""
    temporary, create = _one(connection, _OF_PUBLIC)
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
        raise SelectionError(f"a role's name is 1 to {MAX_NAME} bytes of plain text, not {role!r}")
    if role in ("public", "none") or role.startswith("pg_"):
        raise SelectionError(f"{role!r} is PostgreSQL's own: give the role another name")


def _listed(names: Sequence[tuple[str, ...]]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(*name) for name in names)


def _one(connection: Connection, query: LiteralString, values: Sequence[object] = ()) -> tuple[Any, ...]:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row
