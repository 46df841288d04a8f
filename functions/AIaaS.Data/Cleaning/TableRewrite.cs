using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Cleaning;

/// <summary>
/// Changes columns of the table all at once: by a new table, which spills to disk as it grows, where updating in place keeps every
/// changed value in memory. Only of few values in very many columns, whose expressions take long to plan, is a batch updated in place.
/// </summary>
internal sealed class TableRewrite(PreparationContext context)
{
    private const int MostExpressions = 300;
    private const long MostUpdatedValues = 20_000_000;

    private readonly SortedDictionary<int, (string Expression, string Type, bool IsJson)> _changed = [];
    private readonly HashSet<int> _dropped = [];
    private readonly List<(PreparedColumn Column, string Expression)> _added = [];

    public int Changes => _changed.Count + _dropped.Count + _added.Count;

    /// <summary>Replaces a column's values by an expression over the old ones.</summary>
    public void Set(int column, string expression, string? type = null, bool? isJson = null) =>
        _changed[column] = (expression, type ?? context.Table.Columns[column].Type, isJson ?? context.Table.Columns[column].IsJson);

    public void Drop(int column) => _dropped.Add(column);

    /// <summary>Adds a column after all others.</summary>
    public void Add(string name, string type, string expression) => _added.Add((new PreparedColumn(name, type, IsJson: false), expression));

    public void Apply(CancellationToken cancellationToken)
    {
        if (Changes == 0)
            return;
        PreparedTable table = context.Table;
        bool keepsShape = _dropped.Count == 0 && _added.Count == 0 && _changed.All(pair => pair.Value.Type == table.Columns[pair.Key].Type);
        if (keepsShape && _changed.Count > MostExpressions && context.CountRows() * _changed.Count <= MostUpdatedValues)
            Update(table.Table, cancellationToken);
        else
            Create(table, cancellationToken);
    }

    private void Update(string table, CancellationToken cancellationToken)
    {
        foreach (KeyValuePair<int, (string Expression, string Type, bool IsJson)>[] batch in _changed.Chunk(CleaningColumns.Batch))
            context.Connection.Execute($"UPDATE {table} SET {string.Join(", ", batch.Select(pair => CleaningColumns.Invariant($"c{pair.Key} = {pair.Value.Expression}")))}", cancellationToken);
    }

    private void Create(PreparedTable table, CancellationToken cancellationToken)
    {
        var columns = new List<PreparedColumn>();
        var selected = new List<string>();
        for (int i = 0; i < table.Columns.Count; i++)
        {
            if (_dropped.Contains(i))
                continue;
            (string expression, string type, bool isJson) = _changed.TryGetValue(i, out (string, string, bool) change) ? change : ("", table.Columns[i].Type, table.Columns[i].IsJson);
            // Plain columns stay plain, since expressions take long to plan.
            selected.Add(CleaningColumns.Invariant($"{(expression.Length == 0 ? $"c{i}" : $"({expression})::{type}")} AS c{columns.Count}"));
            columns.Add(table.Columns[i] with { Type = type, IsJson = isJson, IsTrimmed = expression.Length == 0 && table.Columns[i].IsTrimmed });
        }
        foreach ((PreparedColumn column, string expression) in _added)
        {
            selected.Add(CleaningColumns.Invariant($"({expression})::{column.Type} AS c{columns.Count}"));
            columns.Add(column);
        }
        string next = $"{table.Table}_next";
        // A rewrite that failed or was stopped may have left one.
        context.Connection.Execute($"CREATE OR REPLACE TABLE {next} AS SELECT {string.Join(", ", selected)}, src, ord FROM {table.Table}", cancellationToken);
        context.Connection.Execute($"DROP TABLE {table.Table}", cancellationToken);
        context.Connection.Execute($"ALTER TABLE {next} RENAME TO {table.Table}", cancellationToken);
        context.Table = table with { Columns = columns };
    }
}
