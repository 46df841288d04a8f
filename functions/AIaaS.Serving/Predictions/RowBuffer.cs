using System.Numerics;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Predictions;

/// <summary>The rows of one request as columns in the memory that the model reads.</summary>
internal sealed class RowBuffer
{
    private const int InitialCapacity = 16;

    private readonly Utf8Arena _texts = new();
    private readonly int[] _lastGiven;
    private readonly ImageColumn[] _images;
    private readonly int _rowBytes;
    private int _given;
    private int _capacity;

    public RowBuffer(IEnumerable<FeaturePlan> features)
    {
        Columns = [.. features.Select(f => InputColumn.Create(f, _texts))];
        _images = [.. Columns.OfType<ImageColumn>()];
        _lastGiven = new int[Columns.Length];
        _rowBytes = Columns.Sum(c => c.ElementBytes);
    }

    public InputColumn[] Columns { get; }

    /// <summary>Complete rows.</summary>
    public int Rows { get; private set; }

    /// <summary>Changes whenever the columns move in memory.</summary>
    public int Generation { get; private set; }

    /// <summary>Memory held, in bytes.</summary>
    public long Bytes => ((long)_capacity * _rowBytes) + _texts.Capacity + _images.Sum(i => i.HeldBytes);

    /// <summary>Whether tensors have to be made anew for each request, since images lie where they were read.</summary>
    public bool HasImages => _images.Length > 0;

    public void Clear()
    {
        Rows = 0;
        _texts.Clear();
        Array.Clear(_lastGiven);
    }

    public void BeginRow()
    {
        if (Rows == _capacity)
            Grow(Math.Max(InitialCapacity, 2 * _capacity));
        _given = 0;
    }

    /// <summary>Notes that the current row gives a feature.</summary>
    /// <returns>False where the row has given it before.</returns>
    public bool TryGive(int feature)
    {
        if (_lastGiven[feature] == Rows + 1)
            return false;
        _lastGiven[feature] = Rows + 1;
        _given++;
        return true;
    }

    /// <summary>Forgets what the current row gave, which begins anew.</summary>
    public void AbandonRow() => Array.Clear(_lastGiven);

    public void EndRow()
    {
        for (var i = 0; _given < Columns.Length && i < Columns.Length; i++)
        {
            if (_lastGiven[i] == Rows + 1)
                continue;
            Columns[i].SetMissing(Rows);
            _given++;
        }

        Rows++;
    }

    /// <summary>Adds a row as the signature's examples have it.</summary>
    public void AddExample()
    {
        BeginRow();
        foreach (var column in Columns)
            column.SetExample(Rows);
        Rows++;
    }

    /// <summary>Adds one of two rows that differ in every feature.</summary>
    public void AddProbe(bool second)
    {
        BeginRow();
        foreach (var column in Columns)
            column.SetProbe(Rows, second);
        Rows++;
    }

    /// <summary>Adds all rows of another request to the same model.</summary>
    public void Append(RowBuffer source)
    {
        if (source.Rows > _capacity - Rows)
            Grow((int)Math.Max(InitialCapacity, BitOperations.RoundUpToPowerOf2((uint)(Rows + source.Rows))));
        for (var i = 0; i < Columns.Length; i++)
            Columns[i].Append(source.Columns[i], source.Rows, Rows);
        Rows += source.Rows;
    }

    /// <summary>Adds one row of a buffer for the same model.</summary>
    public void Add(RowBuffer source, int row)
    {
        BeginRow();
        for (var i = 0; i < Columns.Length; i++)
            Columns[i].Copy(source.Columns[i], row, Rows);
        Rows++;
    }

    /// <summary>Adds a row of which some features are one row's, and the others another's.</summary>
    /// <param name="ours">A row of a buffer for the same model.</param>
    /// <param name="others">Another one.</param>
    /// <param name="isOurs">For each feature.</param>
    public void AddMixed((RowBuffer Rows, int Row) ours, (RowBuffer Rows, int Row) others, ReadOnlySpan<bool> isOurs)
    {
        BeginRow();
        for (var i = 0; i < Columns.Length; i++)
        {
            var (rows, row) = isOurs[i] ? ours : others;
            Columns[i].Copy(rows.Columns[i], row, Rows);
        }

        Rows++;
    }

    /// <summary>Makes tensors over some rows; to be disposed, and made anew when <see cref="Generation"/> has changed.</summary>
    public OrtValue[] CreateValues(int first, int rows)
    {
        var values = new OrtValue[Columns.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Columns[i].CreateValue(first, rows);
            Columns[i].Fill(values[i], first, rows);
        }

        return values;
    }

    private void Grow(int capacity)
    {
        _capacity = capacity;
        foreach (var column in Columns)
            column.Resize(capacity);
        Generation++;
    }
}
