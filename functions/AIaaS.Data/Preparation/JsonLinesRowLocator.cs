using System.Text;

namespace AIaaS.Data.Preparation;

/// <summary>Finds rows in the copy of the valid lines, and what those lines were numbered in the original.</summary>
/// <param name="path">The copy, a row on each line.</param>
/// <param name="linesPath">Pairs of a row's number and its line, for each row that does not stand on the line below the one before.</param>
internal sealed class JsonLinesRowLocator(string path, string linesPath) : IRowLocator
{
    private readonly StreamReader _reader = new(path, Encoding.UTF8);
    private readonly PairReader _lines = new(linesPath);
    private long _next;
    private long _offset;

    public LocatedRow? At(long ordinal)
    {
        string? text = null;
        for (; _next <= ordinal; _next++)
        {
            text = _reader.ReadLine();
            if (text is null)
                return null;
        }
        while (_lines.Current is { } pair && pair.First <= ordinal)
        {
            _offset = pair.Second - pair.First;
            _lines.MoveNext();
        }
        return text is null ? null : new(ordinal + _offset, text);
    }

    public void Dispose()
    {
        _reader.Dispose();
        _lines.Dispose();
    }
}
