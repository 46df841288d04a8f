using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data;

/// <summary>Reads how the rows of a prepared data set were dealt out.</summary>
public static class StoredSplits
{
    /// <summary>The fold of each row, in the order of <c>data.parquet</c>; -1 for the holdout.</summary>
    /// <param name="path">A file like <see cref="DataSplits.RowsFileName"/>.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="DatasetException">The file is not of that kind.</exception>
    public static int[] ReadFolds(string path, CancellationToken cancellationToken = default)
    {
        path = Path.GetFullPath(path);
        try
        {
            using var database = DuckDbDatabase.Open(new DuckDbOptions { Threads = 1, AllowedDirectories = [], AllowedPaths = [path] });
            using DuckDbConnection connection = database.Connect();
            string source = $"read_parquet({Sql.Literal(path)}, hive_partitioning=false)";
            int[] folds = new int[connection.QueryInt64($"SELECT count(*) FROM {source}", cancellationToken)];
            int at = 0;
            using DuckDbResult result = connection.Query($"SELECT coalesce(fold, 0)::INTEGER FROM {source}", cancellationToken);
            while (result.Read())
            {
                result.Vector(0).Values<int>().CopyTo(folds.AsSpan(at));
                at += result.RowCount;
            }
            return folds;
        }
        catch (DuckDbException exception)
        {
            throw new DatasetException(DatasetReasons.Unreadable, $"{Path.GetFileName(path)} cannot be read: {exception.Message.Split('\n')[0]}");
        }
    }
}
