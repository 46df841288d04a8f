namespace AIaaS.Data.DuckDb;

/// <summary>DuckDB refused something; the message is DuckDB's own.</summary>
internal sealed class DuckDbException(string message) : Exception(message);
