namespace AIaaS.Data.DuckDb;

internal static class DuckDbTransaction
{
    /// <summary>
    /// Runs several statements as one. Row numbers that one of them notes hold for the others: between transactions the engine may
    /// number the rows of a table anew once many were deleted.
    /// </summary>
    public static void InTransaction(this DuckDbConnection connection, Action statements)
    {
        connection.Execute("BEGIN TRANSACTION");
        try
        {
            statements();
            connection.Execute("COMMIT");
        }
        catch
        {
            connection.Execute("ROLLBACK");
            throw;
        }
    }
}
