using System.Runtime.CompilerServices;
using System.Text;
using AIaaS.Platform.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Moq;

namespace AIaaS.Platform.Tests.Http;

public sealed class EventStreamResultTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _left = new();
    private readonly MemoryStream _sent = new();
    private readonly TaskCompletionSource _waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _disposed;

    public void Dispose()
    {
        _stopping.Dispose();
        _left.Dispose();
        _sent.Dispose();
    }

    [Fact]
    public async Task A_stopping_host_ends_a_stream_whole_and_in_order()
    {
        var executing = new EventStreamResult(OneEventThenNoneAsync()).ExecuteAsync(Context());
        await _waiting.Task.WaitAsync(Patience);

        await _stopping.CancelAsync();
        await executing.WaitAsync(Patience);

        Assert.Equal("id: 1\nevent: run\ndata: {}\n\n", Encoding.UTF8.GetString(_sent.ToArray()));
        Assert.True(_disposed);
    }

    [Fact]
    public async Task A_reader_that_leaves_ends_the_stream()
    {
        var executing = new EventStreamResult(OneEventThenNoneAsync()).ExecuteAsync(Context());
        await _waiting.Task.WaitAsync(Patience);

        await _left.CancelAsync();
        await executing.WaitAsync(Patience);

        Assert.True(_disposed);
    }

    private async IAsyncEnumerable<ServerEvent> OneEventThenNoneAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            yield return new ServerEvent("1", "run", "{}"u8.ToArray());
            _waiting.SetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
        finally
        {
            _disposed = true;
        }
    }

    private DefaultHttpContext Context()
    {
        var lifetime = Mock.Of<IHostApplicationLifetime>(each => each.ApplicationStopping == _stopping.Token);
        var context = new DefaultHttpContext
        {
            RequestServices = new ServiceCollection().AddSingleton(lifetime).BuildServiceProvider(),
            RequestAborted = _left.Token,
        };
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(_sent));
        return context;
    }
}
