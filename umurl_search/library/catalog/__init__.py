"""The catalog: the only SQL. Tables, migrations, queries, changes and filters."""
