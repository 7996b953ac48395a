// An in-memory SQLite for Better Auth. Real SQL matters: a memory adapter leaves fields that are null
// out of its answers, a database does not. SQLite comes as WASM, because every native driver has to
// download or compile something when it is installed.
import { SqliteDialect } from "kysely";
import initSqlJs from "sql.js";

export async function sqliteDialect() {
  const { Database } = await initSqlJs();
  const db = new Database();
  db.run("PRAGMA foreign_keys = ON"); // on in the drivers Better Auth is used with, off in plain SQLite

  // Kysely's SQLite dialect wants what better-sqlite3 offers: statements that know whether they
  // return rows, with `all` and `run`. Each statement is used once, then freed.
  const once = (statement, use) => {
    try {
      return use(statement);
    } finally {
      statement.free();
    }
  };
  const prepare = (sql) => {
    const statement = db.prepare(sql);
    return {
      reader: statement.getColumnNames().length > 0,
      all: (parameters) =>
        once(statement, () => {
          const rows = [];
          statement.bind(parameters);
          while (statement.step()) rows.push(statement.getAsObject());
          return rows;
        }),
      run: (parameters) =>
        once(statement, () => {
          statement.run(parameters);
          const [{ values }] = db.exec("SELECT last_insert_rowid()");
          return { changes: db.getRowsModified(), lastInsertRowid: values[0][0] };
        }),
    };
  };
  return new SqliteDialect({ database: { prepare, close: () => db.close() } });
}
