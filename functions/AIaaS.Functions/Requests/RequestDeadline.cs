using System.Globalization;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Requests;

/// <summary>How long a caller waits for its answer, where it says so in <c>x-request-timeout-ms</c>.</summary>
internal sealed class RequestDeadline : IDisposable
{
    public const string Header = "x-request-timeout-ms";

    /// <summary>What the header does, for the API's description.</summary>
    public const string Description = "After how many milliseconds the answer is of no use any more.";

    private readonly CancellationTokenSource? _timer;
    private readonly CancellationTokenSource? _either;

    private RequestDeadline(TimeSpan? timeout, TimeProvider time, CancellationToken aborted)
    {
        Timeout = timeout;
        Token = aborted;
        if (timeout is { } wait)
        {
            _timer = new CancellationTokenSource(wait, time);
            _either = CancellationTokenSource.CreateLinkedTokenSource(aborted, _timer.Token);
            Token = _either.Token;
        }
    }

    /// <summary>Null where the caller names none; the route's own timeout then counts alone.</summary>
    public TimeSpan? Timeout { get; }

    /// <summary>Ends with the request or at the deadline.</summary>
    public CancellationToken Token { get; }

    /// <summary>Whether it is the deadline that ended the token.</summary>
    public bool IsOver => _timer is { IsCancellationRequested: true };

    /// <exception cref="ProblemException">The header is no number of milliseconds.</exception>
    public static RequestDeadline Of(HttpRequest request, TimeProvider time)
    {
        var header = request.Headers[Header];
        if (header.Count == 0)
        {
            return new RequestDeadline(null, time, request.Aborted());
        }

        return header is [{ } text] && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds) && milliseconds > 0
            ? new RequestDeadline(TimeSpan.FromMilliseconds(milliseconds), time, request.Aborted())
            : throw new ProblemException(Problem.InvalidValue, $"'{Header}' takes a whole number of milliseconds from 1 on, for instance 500.") { Field = Header };
    }

    /// <summary>What the caller is told when its deadline has passed.</summary>
    public ProblemException Expired() => new(
        Problem.Timeout, $"The request was not answered within the {Timeout?.TotalMilliseconds:0} ms that it allows. Allow it more, or ask for less at once.");

    public void Dispose()
    {
        _either?.Dispose();
        _timer?.Dispose();
    }
}
