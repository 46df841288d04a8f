using System.Globalization;
using System.Text;

namespace AIaaS.Platform.Training;

/// <summary>Text of any length, of which the beginning and the end are kept.</summary>
/// <param name="half">Characters kept of each.</param>
internal sealed class BoundedLog(int half = 256 * 1024)
{
    private readonly Lock _lock = new();
    private readonly StringBuilder _head = new();
    private readonly StringBuilder _tail = new();
    private long _leftOut;

    /// <summary>Characters appended so far.</summary>
    public long Length { get; private set; }

    public void Append(ReadOnlySpan<char> text)
    {
        lock (_lock)
        {
            Length += text.Length;
            var first = Math.Min(text.Length, half - _head.Length);
            _head.Append(text[..first]);
            _tail.Append(text[first..]);
            // Twice the length before it is cut, so that cutting is rare.
            if (_tail.Length > 2 * half)
            {
                _leftOut += _tail.Length - half;
                _tail.Remove(0, _tail.Length - half);
            }
        }
    }

    public override string ToString()
    {
        lock (_lock)
        {
            var cut = Math.Max(0, _tail.Length - half);
            var leftOut = _leftOut + cut;
            return leftOut == 0
                ? string.Concat(_head, _tail)
                : string.Create(CultureInfo.InvariantCulture, $"{_head}\n… {leftOut} characters left out …\n{_tail.ToString(cut, _tail.Length - cut)}");
        }
    }
}
