namespace AIaaS.Data.Preparation;

/// <summary>Turns DuckDB's positions of rejected rows into line numbers, reading it once.</summary>
internal sealed class LineCounter(string path) : IDisposable
{
    private readonly FileStream _stream = File.OpenRead(path);
    private readonly byte[] _buffer = new byte[256 * 1024];
    private long _position;
    private long _line = 1;
    private int _start;
    private int _end;

    /// <summary>The line, from 1, on which a rejected row begins; positions must not go back.</summary>
    /// <param name="position">What DuckDB tells: near the end of the row before, on the other side of any blank lines.</param>
    public long LineOfRow(long position)
    {
        while (_position < position - 1 && Fill())
            Advance((int)Math.Min(_end - _start, position - 1 - _position));
        while (Fill() && _buffer[_start] is (byte)'\n' or (byte)'\r')
            Advance(1);
        return _line;
    }

    public void Dispose() => _stream.Dispose();

    private bool Fill()
    {
        if (_start < _end)
            return true;
        _start = 0;
        _end = _stream.Read(_buffer);
        return _end > 0;
    }

    private void Advance(int count)
    {
        _line += _buffer.AsSpan(_start, count).Count((byte)'\n');
        _start += count;
        _position += count;
    }
}
