namespace AIaaS.Data.Preparation;

/// <summary>Turns ascending byte positions of a file into line numbers, reading it once.</summary>
internal sealed class LineCounter(string path) : IDisposable
{
    private readonly FileStream _stream = File.OpenRead(path);
    private readonly byte[] _buffer = new byte[256 * 1024];
    private long _position;
    private long _line = 1;
    private int _start;
    private int _end;

    /// <summary>The line, from 1, that the byte at a position stands on; positions must not go back.</summary>
    public long LineAt(long position)
    {
        while (_position < position)
        {
            if (_start == _end)
            {
                _start = 0;
                _end = _stream.Read(_buffer);
                if (_end == 0)
                    break;
            }
            int count = (int)Math.Min(_end - _start, position - _position);
            _line += _buffer.AsSpan(_start, count).Count((byte)'\n');
            _start += count;
            _position += count;
        }
        return _line;
    }

    public void Dispose() => _stream.Dispose();
}
