package opencryptd;

import com.mongodb.event.CommandListener;
import com.mongodb.event.CommandStartedEvent;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;

/** Keeps the bytes of every command that a client sends to the server. */
final class Wiretap implements CommandListener {
    private final List<RawBsonDocument> commands = new CopyOnWriteArrayList<>();

    @Override
    public void commandStarted(CommandStartedEvent event) {
        commands.add(new RawBsonDocument(event.getCommand(), new BsonDocumentCodec()));
    }

    /** The last command of that name. */
    RawBsonDocument last(String name) {
        for (int i = commands.size() - 1; i >= 0; i--) {
            if (commands.get(i).getFirstKey().equals(name)) {
                return commands.get(i);
            }
        }
        throw new AssertionError("no " + name + " was sent");
    }

    /** None of the commands holds `plaintext`. */
    void checkHidden(String plaintext) {
        checkHidden(plaintext.getBytes(StandardCharsets.UTF_8));
    }

    void checkHidden(byte[] plaintext) {
        Report.check(!commands.isEmpty(), "no command was sent");
        for (RawBsonDocument command : commands) {
            Report.check(!holds(command, plaintext), command.getFirstKey() + " went to the server with plaintext");
        }
    }

    static boolean holds(RawBsonDocument document, byte[] wanted) {
        byte[] bytes = new byte[document.getByteBuffer().remaining()];
        document.getByteBuffer().get(bytes);
        for (int at = 0; at + wanted.length <= bytes.length; at++) {
            if (Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
                return true;
            }
        }
        return false;
    }
}
