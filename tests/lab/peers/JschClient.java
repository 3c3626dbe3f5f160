// JSch, told what to offer: ADDRESS PORT KEY=VALUE ... (JSch.setConfig), until the host key is accepted. The line
// "LINES" is replaced by lines of a report.

import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;

public class JschClient {
    public static void main(String[] words) throws Exception {
        Session session = new JSch().getSession("lab", words[0], Integer.parseInt(words[1]));
        session.setConfig("StrictHostKeyChecking", "no");
        session.setConfig("PreferredAuthentications", "password");
        session.setPassword("wrong");
        for (int place = 2; place < words.length; place++) {
            int sign = words[place].indexOf('=');
            session.setConfig(words[place].substring(0, sign), words[place].substring(sign + 1));
        }
        // LINES
        try {
            session.connect(20000);
            System.out.println("the login is reached");
        } catch (com.jcraft.jsch.JSchException error) {
            System.out.println(error.getMessage());
            if (error.getMessage().startsWith("Auth")) {
                System.out.println("the login is reached");
            }
        } finally {
            session.disconnect();
        }
    }
}
