namespace AIaaS.Data.Preparation;

/// <summary>A source as the rows of <see cref="PreparedTable"/> know it: <c>src</c> is its place in the list of sources.</summary>
/// <param name="Name">The file's name for people.</param>
/// <param name="OpenLocator">Finds rows in the file again; null where a file has no lines, such as Parquet.</param>
internal sealed record RowOrigin(string Name, Func<IRowLocator>? OpenLocator = null);

/// <summary>Finds accepted rows in their file again, reading it once from its beginning.</summary>
internal interface IRowLocator : IDisposable
{
    /// <summary>The row with a number among the accepted ones, from 0; numbers must ascend. Null where it cannot be told any more.</summary>
    LocatedRow? At(long ordinal);
}

/// <param name="Line">Where the row begins, from 1.</param>
/// <param name="Raw">The row as it stands in the file, without its line end.</param>
internal readonly record struct LocatedRow(long Line, string Raw);

/// <summary>A file of pairs of ascending numbers: what a locator must know of a source, kept out of memory.</summary>
internal sealed class PairWriter(string path) : IDisposable
{
    private readonly BinaryWriter _writer = new(File.Create(path));

    public void Write(long first, long second)
    {
        _writer.Write(first);
        _writer.Write(second);
    }

    public void Dispose() => _writer.Dispose();
}

/// <summary>Reads what a <see cref="PairWriter"/> wrote.</summary>
internal sealed class PairReader : IDisposable
{
    private readonly BinaryReader _reader;
    private readonly long _count;
    private long _read;

    public PairReader(string path)
    {
        _reader = new(File.OpenRead(path));
        _count = _reader.BaseStream.Length / (2 * sizeof(long));
        MoveNext();
    }

    /// <summary>Null after the last.</summary>
    public (long First, long Second)? Current { get; private set; }

    public void MoveNext() => Current = _read++ < _count ? (_reader.ReadInt64(), _reader.ReadInt64()) : null;

    public void Dispose() => _reader.Dispose();
}
