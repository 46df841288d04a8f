using AIaaS.Formats;
using AIaaS.Learning.Features;

namespace AIaaS.Learning.Tests;

/// <summary>A table with everything a linear model meets: numbers, categories, booleans, times, missing values, odd names.</summary>
internal sealed class TableBuilder
{
    private readonly List<FeatureColumn> _columns = [];
    private readonly int _rows;

    public TableBuilder(int rows) => _rows = rows;

    public TableBuilder With(string name, ColumnKind kind, Func<int, float> value)
    {
        _columns.Add(new NumberColumn(name, kind, [.. Enumerable.Range(0, _rows).Select(value)]));
        return this;
    }

    public TableBuilder With(string name, ColumnKind kind, Func<int, string> value)
    {
        _columns.Add(new TextColumn(name, kind, [.. Enumerable.Range(0, _rows).Select(value)]));
        return this;
    }

    public FeatureTable Build() => new(_rows, _columns);

    /// <summary>Numbers anyone can recompute: a sine that never repeats.</summary>
    public static double Wave(int row, int column) => Math.Sin((row + 1) * (column + 1) * 0.7 + (column * column));
}
