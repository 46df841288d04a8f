using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Moq;

namespace AIaaS.Azure.Tests.Storage;

/// <summary>The clients of one container <c>runs</c> with one blob <c>default/a.json</c>, whose answers a test sets up.</summary>
internal sealed class BlobFake
{
    public const string Container = "runs";
    public const string Name = "default/a.json";

    public BlobFake()
    {
        Service.Setup(client => client.GetBlobContainerClient(Container)).Returns(ContainerClient.Object);
        ContainerClient.Setup(client => client.GetBlobClient(Name)).Returns(Blob.Object);
        ContainerClient.Setup(client => client.ExistsAsync(It.IsAny<CancellationToken>())).ReturnsAsync(() => Response.FromValue(Exists, Answer));
        ContainerClient
            .Setup(client => client.CreateIfNotExistsAsync(
                It.IsAny<PublicAccessType>(), It.IsAny<IDictionary<string, string>>(), It.IsAny<BlobContainerEncryptionScopeOptions>(), It.IsAny<CancellationToken>()))
            .Callback(() => Exists = true)
            .ReturnsAsync(() => Response.FromValue(BlobsModelFactory.BlobContainerInfo(default, default), Answer));
    }

    public Mock<BlobServiceClient> Service { get; } = new(MockBehavior.Strict);

    public Mock<BlobContainerClient> ContainerClient { get; } = new(MockBehavior.Strict);

    public Mock<BlobClient> Blob { get; } = new(MockBehavior.Strict);

    /// <summary>Whether the container does.</summary>
    public bool Exists { get; set; } = true;

    public static Response Answer { get; } = Mock.Of<Response>();

    public static DateTimeOffset Modified { get; } = new(2026, 5, 6, 7, 8, 9, TimeSpan.Zero);

    public static RequestFailedException Refusal(int status, string code) => new(status, "refused", code, innerException: null);

    public static Task<T> Fails<T>(int status, string code) => Task.FromException<T>(Refusal(status, code));

    public void HasProperties(long length, string eTag = "\"0x8D1\"", Dictionary<string, string>? metadata = null)
        => Blob.Setup(client => client.GetPropertiesAsync(null, It.IsAny<CancellationToken>()))
            .ReturnsAsync(Response.FromValue(
                BlobsModelFactory.BlobProperties(lastModified: Modified, contentLength: length, eTag: new ETag(eTag), metadata: metadata), Answer));
}
