using AIaaS.Formats;

namespace AIaaS.Learning.Features;

/// <summary>A raw column as a model's graph takes it.</summary>
public abstract class FeatureColumn(string name, ColumnKind kind)
{
    public string Name { get; } = name;

    public ColumnKind Kind { get; } = kind;

    public abstract int Rows { get; }

    internal abstract FeatureColumn Select(ReadOnlySpan<int> rows);

    private protected static T[] Pick<T>(T[] values, ReadOnlySpan<int> rows)
    {
        var picked = new T[rows.Length];
        for (var i = 0; i < picked.Length; i++)
            picked[i] = values[rows[i]];
        return picked;
    }
}

/// <summary>Numbers, integers, booleans (0 and 1) and times (seconds since 1970); missing is NaN.</summary>
public sealed class NumberColumn(string name, ColumnKind kind, float[] values) : FeatureColumn(name, kind)
{
    public float[] Values { get; } = values;

    public override int Rows => Values.Length;

    /// <summary>The values that are numbers, ascending.</summary>
    internal float[] SortedValues()
    {
        var sorted = Array.FindAll(Values, float.IsFinite);
        Array.Sort(sorted);
        return sorted;
    }

    internal override FeatureColumn Select(ReadOnlySpan<int> rows) => new NumberColumn(Name, Kind, Pick(Values, rows));
}

/// <summary>Categories and texts; missing is the empty string.</summary>
public sealed class TextColumn(string name, ColumnKind kind, string[] values) : FeatureColumn(name, kind)
{
    public string[] Values { get; } = values;

    public override int Rows => Values.Length;

    internal override FeatureColumn Select(ReadOnlySpan<int> rows) => new TextColumn(Name, Kind, Pick(Values, rows));
}

/// <summary>Raw columns of equal length, without the target.</summary>
public sealed class FeatureTable
{
    /// <exception cref="ArgumentException">Columns differ in length or share a name.</exception>
    public FeatureTable(int rows, IReadOnlyList<FeatureColumn> columns)
    {
        if (columns.FirstOrDefault(c => c.Rows != rows) is { } odd)
            throw new ArgumentException($"Column '{odd.Name}' has {odd.Rows} rows, not {rows}.", nameof(columns));
        if (columns.DistinctBy(c => c.Name, StringComparer.Ordinal).Count() != columns.Count)
            throw new ArgumentException("Two columns share a name.", nameof(columns));
        (Rows, Columns) = (rows, columns);
    }

    public int Rows { get; }

    public IReadOnlyList<FeatureColumn> Columns { get; }

    internal FeatureTable Select(int[] rows) => new(rows.Length, [.. Columns.Select(c => c.Select(rows))]);
}

/// <summary>The column to predict, aligned with a <see cref="FeatureTable"/>.</summary>
public abstract class TargetColumn(string name, ColumnKind kind)
{
    public string Name { get; } = name;

    public ColumnKind Kind { get; } = kind;

    public abstract int Rows { get; }
}

/// <summary>A target to classify by.</summary>
/// <param name="name">Its name.</param>
/// <param name="kind">Decides the type of the labels: boolean, integer, number, else text.</param>
/// <param name="values">Each value as invariant text (<c>true</c>, <c>12</c>, <c>0.5</c>, <c>Adelie</c>); null or empty where missing.</param>
public sealed class ClassTargetColumn(string name, ColumnKind kind, string?[] values) : TargetColumn(name, kind)
{
    public IReadOnlyList<string?> Values { get; } = values;

    public override int Rows => Values.Count;
}

/// <summary>A target to predict as a number; NaN where missing.</summary>
public sealed class NumberTargetColumn(string name, ColumnKind kind, double[] values) : TargetColumn(name, kind)
{
    public IReadOnlyList<double> Values { get; } = values;

    public override int Rows => Values.Count;
}
