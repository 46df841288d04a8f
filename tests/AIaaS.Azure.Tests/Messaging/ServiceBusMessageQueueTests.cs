using AIaaS.Functions.Hosts.Azure.Messaging;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Storage;
using Azure.Messaging.ServiceBus;
using Moq;

namespace AIaaS.Azure.Tests.Messaging;

public sealed class ServiceBusMessageQueueTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;
    private readonly SteppedTime _time = new();
    private readonly Mock<ServiceBusClient> _client = new(MockBehavior.Strict);
    private readonly Mock<ServiceBusSender> _sender = new(MockBehavior.Strict);
    private readonly List<ServiceBusMessage> _sent = [];
    private readonly ServiceBusMessageQueue _queue;

    public ServiceBusMessageQueueTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _client.Setup(client => client.CreateSender("job-ended")).Returns(_sender.Object);
        _sender.Setup(sender => sender.SendMessageAsync(It.IsAny<ServiceBusMessage>(), It.IsAny<CancellationToken>()))
            .Callback((ServiceBusMessage message, CancellationToken _) => _sent.Add(message))
            .Returns(Task.CompletedTask);
        _queue = new ServiceBusMessageQueue(_client.Object, new MessageBodies(_store), _time);
    }

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_message_is_sent_at_once_with_its_id()
    {
        await SendAsync("{}", new SendOptions("m-1"));

        var message = Assert.Single(_sent);
        Assert.Equal(("{}", "m-1", default(DateTimeOffset)), (message.Body.ToString(), message.MessageId, message.ScheduledEnqueueTime));
    }

    [Fact]
    public async Task A_delayed_message_is_for_later()
    {
        await SendAsync("{}", new SendOptions(Delay: TimeSpan.FromMinutes(1)));

        Assert.Equal(_time.GetUtcNow().AddMinutes(1), Assert.Single(_sent).ScheduledEnqueueTime);
    }

    [Fact]
    public async Task A_body_too_large_for_the_service_goes_by_reference()
    {
        var body = $$"""{"text":"{{new string('x', ServiceBusMessageQueue.MaximumBodyBytes)}}"}""";

        await SendAsync(body, null);

        Assert.InRange(Assert.Single(_sent).Body.ToMemory().Length, 1, 200);
        Assert.Single((await _store.ListAsync(Containers.Catalog, "", 10, null, default)).Items);
    }

    [Fact]
    public async Task One_sender_serves_a_queue()
    {
        await SendAsync("{}", null);
        await SendAsync("{}", null);

        _client.Verify(client => client.CreateSender("job-ended"), Times.Once);
    }

    private Task SendAsync(string body, SendOptions? options) => _queue.SendAsync("job-ended", BinaryData.FromString(body), options, default);
}
