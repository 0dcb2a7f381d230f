using MeLo.Edge.Providers;

namespace MeLo.Edge.Service;

/// <summary>The service cannot run as it was asked to: settings, data folder or base package.</summary>
internal sealed class ServiceException : MeLoException
{
    private ServiceException(ExitCode exitCode, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        ExitCode = exitCode;
    }

    /// <summary>The code the program ends with.</summary>
    public ExitCode ExitCode { get; }

    public static ServiceException Settings(IReadOnlyList<string> faults) =>
        new(ExitCode.Usage, string.Join(Environment.NewLine, faults));

    public static ServiceException InUse(string folder) =>
        new(ExitCode.InUse, $"the data folder '{folder}' is in use by another MeLo Edge service; expected to be alone in it");

    public static ServiceException DataFolder(string folder, Exception cause) =>
        new(ExitCode.DataFolder, $"the data folder '{folder}' cannot be used: {cause.Message}", cause);

    public static ServiceException Base(string folder, Exception cause) =>
        new(ExitCode.Base, $"the base package '{folder}' cannot be loaded: {cause.Message}", cause);

    public static ServiceException Provider(ProviderException cause) =>
        new(CodeOf(cause), cause.Message, cause);

    /// <summary>The code that the program ends with where its provider fails it while it starts: a device that is lost for want of memory would be lost again.</summary>
    public static ExitCode CodeOf(ProviderException cause) =>
        cause.Fault == ProviderFault.DeviceLost && !cause.LacksMemory ? ExitCode.DeviceLost : ExitCode.Provider;

    public static ServiceException Decoder(Exception cause) =>
        new(ExitCode.Failed, $"pictures cannot be decoded on this machine: {cause.Message}", cause);

    public static ServiceException NoBase(string folder) =>
        new(ExitCode.Base, $"found no base package in '{folder}'; expected one made by 'adapter-packer base import CHECKPOINT --out {folder}'");

    public static ServiceException NotADemo(string folder) =>
        new(ExitCode.Usage, $"found an installation in '{folder}' that --demo did not make; expected an empty folder, or an earlier demonstration's");

    public static ServiceException NotAWindowsService(string cause) =>
        new(ExitCode.Usage, $"--windows-service is for the Windows service control manager, which did not start this process: {cause}");
}
